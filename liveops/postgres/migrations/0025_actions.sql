-- Suggested actions with their risk and whether they can be undone; older analyses have none.
ALTER TABLE ai_analyses ADD COLUMN actions jsonb NOT NULL DEFAULT '[]';

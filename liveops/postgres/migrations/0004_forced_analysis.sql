-- An analysis that was forced does not take over the words of another one.
ALTER TABLE ai_analyses ADD COLUMN forced boolean NOT NULL DEFAULT false;

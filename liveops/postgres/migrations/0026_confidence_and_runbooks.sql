-- A confidence as it was computed, before verdicts of people calibrated it; null in older analyses,
-- which told it as it was.
ALTER TABLE ai_analyses ADD COLUMN confidence_raw numeric;

CREATE INDEX analysis_feedback_newest ON analysis_feedback (created_at DESC);

-- What to do when a service is in trouble, in the words of those who own it.
ALTER TABLE service_cards ADD COLUMN runbook_text text NOT NULL DEFAULT '';

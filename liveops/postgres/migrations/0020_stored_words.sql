-- What a text is looked for in stands with the incident: a text that many have is found without
-- putting the words of each together again.
DROP INDEX IF EXISTS incidents_by_words;
ALTER TABLE incidents ADD COLUMN words text
    GENERATED ALWAYS AS (incident_words(title, description, service_name, affected_services)) STORED;

DO $$
BEGIN
    CREATE INDEX incidents_by_words ON incidents USING gin (words gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE NOTICE 'no pg_trgm: texts of incidents are looked for without an index';
END
$$;

-- Lists of incidents by any filter: what they look up is indexed.
CREATE INDEX incidents_by_affected ON incidents USING gin (affected_services);
CREATE INDEX incidents_by_severity ON incidents (severity, detected_at DESC, id DESC);
CREATE INDEX incidents_by_status ON incidents (status, detected_at DESC, id DESC);

-- All that a text is looked for in, in small letters; immutable, so that it can be indexed.
CREATE FUNCTION incident_words(title text, description text, service text, affected text[])
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(title || ' ' || description || ' ' || service || ' '
                 || coalesce(array_to_string(affected, ' '), ''))
$$;

-- A server without pg_trgm looks through the rows.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX incidents_by_words ON incidents USING gin
        (incident_words(title, description, service_name, affected_services) gin_trgm_ops);
EXCEPTION WHEN undefined_file OR insufficient_privilege OR feature_not_supported THEN
    RAISE NOTICE 'no pg_trgm: texts of incidents are looked for without an index';
END
$$;

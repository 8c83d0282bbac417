-- Receivers may be told of silences, too: then `incident_id` and `incident` are the silence's.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_event_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_event_check CHECK (event IN (
    'opened', 'changed', 'acknowledged', 'resolved', 'reopened', 'silence_begun', 'silence_ended'));

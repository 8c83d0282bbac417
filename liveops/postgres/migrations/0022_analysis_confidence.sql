-- How sure an analysis is, in words, and how grave its incident was when it looked.
ALTER TABLE ai_analyses
    ADD COLUMN confidence_text text        NOT NULL DEFAULT '',
    ADD COLUMN severity        varchar(16) NOT NULL DEFAULT '';

-- Who is told of incidents, and how. `secret` is written and never shown.
CREATE TABLE receivers (
    id                uuid PRIMARY KEY,
    name              varchar(200) NOT NULL UNIQUE,
    definition        jsonb        NOT NULL,
    secret            text         NOT NULL DEFAULT '',
    version           integer      NOT NULL DEFAULT 1,
    created_at        timestamptz  NOT NULL DEFAULT now(),
    last_delivered_at timestamptz,
    last_failed_at    timestamptz,
    last_error        text         NOT NULL DEFAULT ''
);

-- Services that somebody said are no more: not listed, and not missed, until they report again.
CREATE TABLE deleted_services (
    service_name text        PRIMARY KEY,
    deleted_at   timestamptz NOT NULL
);

-- name: of_caller
-- Whether a token, or all of a user's tokens since when, are revoked. A user's row says when
-- it may be forgotten, ten years after the cut: a second is added, as it was rounded on the way.
SELECT jti, extract(epoch FROM CASE WHEN jti LIKE 'user:%'
    THEN expires_at - interval '10 years' + interval '1 second' ELSE expires_at END)::float8 AS since
FROM revoked_tokens WHERE jti = ANY($1::text[])

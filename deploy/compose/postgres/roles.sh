#!/bin/sh
# The portal's two roles: taqseem_owner owns the database and runs migrations; taqseem_app owns nothing, and
# the portal is it. Run by the image when it makes the cluster; again, after a password's file has changed:
#   docker-compose exec postgres sh /docker-entrypoint-initdb.d/roles.sh
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-taqseem_admin}" \
    --dbname="${POSTGRES_DB:-taqseem}" <<'SQL'
\set owner_password `cat /run/secrets/db_owner_password`
\set app_password `cat /run/secrets/db_app_password`
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['taqseem_owner', 'taqseem_app']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE taqseem_owner PASSWORD :'owner_password';
ALTER ROLE taqseem_app PASSWORD :'app_password';
SELECT format('ALTER DATABASE %I OWNER TO taqseem_owner', current_database())
\gexec
SQL

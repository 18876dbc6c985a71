#!/bin/sh
# Before the portal starts, as the role that owns the tables: refuse unsafe settings, migrate, grant, begin.
set -eu

python manage.py check --deploy --tag security --fail-level WARNING
python manage.py migrate --no-input
python manage.py grant_app_role
python manage.py installation_begin

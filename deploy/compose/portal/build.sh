#!/bin/sh
# While the image is built: compile translations, collect static files, compile modules. Needs no server.
set -eu

# Settings that nothing of the running portal sees; it gets its own.
export DJANGO_SETTINGS_MODULE=portal.settings.production
export TAQSEEM_STATIC_DIR="${TAQSEEM_STATIC_DIR:-$PWD/staticfiles}"
export TAQSEEM_SECRET_KEY=used-while-the-image-is-built-and-never-again-afterwards
export TAQSEEM_HOSTS=build.invalid TAQSEEM_PUBLIC_URL=https://build.invalid TAQSEEM_MAIL_FROM=build@build.invalid

python manage.py compile_translations
python manage.py collectstatic --no-input --verbosity 0
python -m compileall -q manage.py portal datacenters allocations scheduler_bridge deploy

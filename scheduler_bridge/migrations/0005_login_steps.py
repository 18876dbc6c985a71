import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import portal.foundation.codes
from django.conf import settings
from django.db import migrations, models


def name_and_keep(apps, schema_editor):
    """Links from before had no steps: those who run the sites made them, and they stay confirmed."""
    for link in apps.get_model('scheduler_bridge', 'SiteLogin').objects.all():
        link.code = portal.foundation.codes.new_code('lgn')
        link.decided_at, link.decided_by = link.created_at, link.linked_by
        link.save(update_fields=['code', 'decided_at', 'decided_by'])


class Migration(migrations.Migration):

    dependencies = [
        ('datacenters', '0004_unbridged_sites'),
        ('scheduler_bridge', '0004_preflight'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='sitelogin',
            name='site_login_person',
        ),
        migrations.RemoveConstraint(
            model_name='sitelogin',
            name='site_login_once',
        ),
        migrations.AddField(
            model_name='sitelogin',
            name='code',
            field=models.CharField(default='', max_length=24),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='sitelogin',
            name='decided_at',
            field=models.DateTimeField(null=True, verbose_name='decided'),
        ),
        migrations.AddField(
            model_name='sitelogin',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='sitelogin',
            name='ended_at',
            field=models.DateTimeField(null=True, verbose_name='ended'),
        ),
        migrations.AddField(
            model_name='sitelogin',
            name='state',
            field=models.CharField(choices=[('proposed', 'To be confirmed'), ('confirmed', 'Confirmed'), ('declined', 'Declined'), ('ended', 'Ended')], default='confirmed', max_length=10, verbose_name='state'),
        ),
        migrations.RunPython(name_and_keep, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='sitelogin',
            name='code',
            field=portal.foundation.codes.CodeField(max_length=24, prefix='lgn'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sitelogin',
            trigger=pgtrigger.compiler.Trigger(name='site_login_steps', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.state IS DISTINCT FROM NEW.state)', func="IF (OLD.state, NEW.state) NOT IN (('confirmed', 'ended'), ('proposed', 'confirmed'), ('proposed', 'declined')) THEN RAISE EXCEPTION 'login: illegal step from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation'; END IF; RETURN NEW;", hash='18806c055dd9261741ff0eeaf6f7e86563872109', operation='UPDATE', pgid='pgtrigger_site_login_steps_568af', table='scheduler_bridge_sitelogin', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='sitelogin',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'declined', 'ended'])), name='site_login_state'),
        ),
        migrations.AddConstraint(
            model_name='sitelogin',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'confirmed')), fields=('user', 'site'), name='site_login_person'),
        ),
        migrations.AddConstraint(
            model_name='sitelogin',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'confirmed')), fields=('site', 'login'), name='site_login_once'),
        ),
        migrations.AddConstraint(
            model_name='sitelogin',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('user', 'site'), name='site_login_open'),
        ),
    ]

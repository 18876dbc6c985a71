import django.db.models.deletion
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
import portal.foundation.codes
import portal.people.models.verification
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Organisation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='org')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('kind', models.CharField(choices=[('startup', 'Startup'), ('academic', 'Academic or research institution'), ('agency', 'Government agency')], max_length=10, verbose_name='class')),
                ('province', models.CharField(choices=[('punjab', 'Punjab'), ('sindh', 'Sindh'), ('kp', 'Khyber Pakhtunkhwa'), ('balochistan', 'Balochistan'), ('islamabad', 'Islamabad Capital Territory'), ('ajk', 'Azad Jammu and Kashmir'), ('gb', 'Gilgit-Baltistan')], max_length=12, verbose_name='province')),
                ('website', models.URLField(blank=True, verbose_name='website')),
                ('illustrative', models.BooleanField(default=False, verbose_name='illustrative')),
            ],
            options={
                'verbose_name': 'organisation',
                'verbose_name_plural': 'organisations',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='usr')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('language', models.CharField(choices=[('en', 'English'), ('ur', 'Urdu')], default='en', help_text='Mail is written in this language.', max_length=5, verbose_name='language')),
                ('terms_accepted_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='terms accepted')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('is_staff', models.BooleanField(default=False, help_text='For operators of the installation.', verbose_name='may open the admin')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('digest', models.CharField(max_length=128, primary_key=True, serialize=False)),
                ('token_key', models.CharField(db_index=True, max_length=25)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('expiry', models.DateTimeField(blank=True, null=True)),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='tok')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='auth_token_set', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'verbose_name_plural': 'API tokens',
                'ordering': ['-created'],
            },
        ),
        migrations.CreateModel(
            name='AuditorScope',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('public_code', portal.foundation.codes.CodeField(max_length=24, prefix='scp')),
                ('kind', models.CharField(choices=[('all', 'Everything'), ('organisation', 'Organisation'), ('site', 'Site'), ('sector', 'Sector')], max_length=12, verbose_name='kind')),
                ('code', models.CharField(blank=True, max_length=40, verbose_name='code')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='auditor_scopes', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'auditor scope',
                'verbose_name_plural': 'auditor scopes',
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('member', 'Member')], default='member', max_length=10, verbose_name='role')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='people.organisation')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='inv')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail address')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('member', 'Member')], default='member', max_length=10, verbose_name='role')),
                ('state', models.CharField(choices=[('pending', 'Awaiting an answer'), ('accepted', 'Accepted'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='pending', max_length=10, verbose_name='state')),
                ('expires_at', models.DateTimeField(verbose_name='valid until')),
                ('invited_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='people.organisation')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='ProgrammeRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='rol')),
                ('role', models.CharField(choices=[('admin', 'Programme admin'), ('council', 'Council'), ('reviewer', 'Reviewer'), ('verifier', 'Verifier'), ('auditor', 'Auditor')], max_length=10, verbose_name='role')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='programme_roles', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'programme role',
                'verbose_name_plural': 'programme roles',
            },
        ),
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('code', portal.foundation.codes.CodeField(max_length=24, prefix='ver')),
                ('identifier_kind', models.CharField(max_length=20, verbose_name='kind of identifier')),
                ('identifier', models.CharField(max_length=60, verbose_name='identifier')),
                ('evidence', models.FileField(max_length=200, upload_to=portal.people.models.verification.evidence_path, verbose_name='evidence')),
                ('state', models.CharField(choices=[('pending', 'Awaiting verification'), ('accepted', 'Verified'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn'), ('revoked', 'Revoked')], default='pending', max_length=10, verbose_name='state')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('expires_on', models.DateField(blank=True, null=True, verbose_name='valid until')),
                ('organisation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='verifications', to='people.organisation')),
                ('submitted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('verifier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'verification',
                'verbose_name_plural': 'verifications',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_once'),
        ),
        migrations.AddConstraint(
            model_name='auditorscope',
            constraint=models.UniqueConstraint(fields=('user', 'kind', 'code'), name='auditor_scope_once'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('organisation', 'user'), name='membership_once'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(models.F('organisation'), django.db.models.functions.text.Lower('email'), condition=models.Q(('state', 'pending')), name='invitation_one_pending'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'accepted', 'declined', 'withdrawn'])), name='invitation_state'),
        ),
        migrations.AddConstraint(
            model_name='programmerole',
            constraint=models.UniqueConstraint(fields=('user', 'role'), name='programme_role_once'),
        ),
        migrations.AddConstraint(
            model_name='verification',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'accepted', 'refused', 'withdrawn', 'revoked'])), name='verification_state'),
        ),
        migrations.AddConstraint(
            model_name='verification',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'pending')), fields=('organisation',), name='verification_one_pending'),
        ),
        migrations.AddConstraint(
            model_name='verification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('accepted', 'refused', 'revoked')), _negated=True), models.Q(('decided_at__isnull', False), ('verifier__isnull', False)), _connector='OR'), name='verification_decided'),
        ),
        migrations.AddConstraint(
            model_name='verification',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'accepted'), _negated=True), ('expires_on__isnull', False), _connector='OR'), name='verification_expires'),
        ),
        migrations.AddConstraint(
            model_name='verification',
            constraint=models.CheckConstraint(condition=models.Q(('verifier__isnull', True), models.Q(('verifier', models.F('submitted_by')), _negated=True), _connector='OR'), name='verification_not_by_claimant'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='verification',
            trigger=pgtrigger.compiler.Trigger(name='verification_steps', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.state IS DISTINCT FROM NEW.state)', func="IF (OLD.state, NEW.state) NOT IN (('accepted', 'revoked'), ('pending', 'accepted'), ('pending', 'refused'), ('pending', 'withdrawn')) THEN RAISE EXCEPTION 'verification: illegal step from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation'; END IF; RETURN NEW;", hash='814338ac032ff693a5a764111fb96f82228679a9', operation='UPDATE', pgid='pgtrigger_verification_steps_e6879', table='people_verification', when='BEFORE')),
        ),
    ]

select
{{ shape(same(['id', 'active', 'alias', 'chat_only', 'created_at', 'details', 'email', 'external_id', 'last_login_at', 'locale', 'locale_id', 'moderator', 'name', 'notes', 'only_private_comments', 'organization_id', 'phone', 'remote_photo_url', 'restricted_agent', 'role', 'shared', 'shared_agent', 'signature', 'suspended', 'ticket_restriction', 'time_zone', 'two_factor_auth_enabled', 'updated_at', 'url', 'verified'])) }}
from {{ ref('zendesk_staging__users') }}

select
{{ shape(same(['id', 'active', 'created_at', 'display_name', 'end_user_visible', 'name', 'updated_at'])) }}
from {{ ref('zendesk_staging__ticket_forms') }}

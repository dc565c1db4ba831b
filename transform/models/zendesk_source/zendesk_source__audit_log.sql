select
{{ shape(same(['id', 'action', 'actor_id', 'change_description', 'created_at', 'source_id', 'source_label', 'source_type'])) }}
from {{ ref('zendesk_staging__audit_logs') }}

select
{{ shape(same(['id', 'created_at', 'details', 'external_id', 'group_id', 'name', 'notes', 'shared_comments', 'shared_tickets', 'updated_at', 'url'])) }}
from {{ ref('zendesk_staging__organizations') }}

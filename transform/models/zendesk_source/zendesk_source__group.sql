select
{{ shape(same(['id', 'created_at', 'name', 'updated_at', 'url'])) }}
from {{ ref('zendesk_staging__groups') }}

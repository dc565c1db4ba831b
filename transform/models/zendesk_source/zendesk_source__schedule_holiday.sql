select
{{ shape(same(['id', 'name', 'schedule_id', 'start_date', 'end_date'])) }}
from {{ ref('zendesk_staging__schedule_holidays') }}

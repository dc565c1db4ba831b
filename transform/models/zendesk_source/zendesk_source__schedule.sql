{#- A row for each opening. The times in UTC hold for the standard offset, as time_zone has it. -#}
{% set columns = same(['id', 'created_at', 'name', 'time_zone']) %}
{% do columns.update({
  'start_time': json_text('opening.value', ['start_time']),
  'end_time': json_text('opening.value', ['end_time'])
}) %}
select
{{ shape(columns) }}
from {{ ref('zendesk_staging__schedules') }}
{{ join_elements('intervals', 'opening') }}

{#- A row for each opening. The times in UTC hold for the standard offset, as time_zone has it. -#}
{% set columns = same(['id', 'created_at', 'name', 'time_zone']) %}
{% do columns.update({
  'start_time': 'start_time', 'end_time': 'end_time',
  'start_time_utc': 'start_time - offset_minutes', 'end_time_utc': 'end_time - offset_minutes'
}) %}
with offsets as (
  select time_zone as zone_name,
    (case when standard_offset like '-%' then -1 else 1 end) * (
      cast(substring(standard_offset, 2, 2) as {{ dbt.type_bigint() }}) * 60
      + cast(substring(standard_offset, 5, 2) as {{ dbt.type_bigint() }})
    ) as offset_minutes
  from {{ ref('zendesk_source__time_zone') }}
), openings as (
  select schedules.*, offsets.offset_minutes,
    cast({{ json_text('opening.value', ['start_time']) }} as {{ dbt.type_bigint() }}) as start_time,
    cast({{ json_text('opening.value', ['end_time']) }} as {{ dbt.type_bigint() }}) as end_time
  from {{ ref('zendesk_staging__schedules') }} as schedules
  {{ join_elements('intervals', 'opening') }}
  left join offsets on offsets.zone_name = schedules.time_zone
)
select
{{ shape(columns) }}
from openings

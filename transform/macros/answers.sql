{# Each value of a ticket field with the period in which it was valid; the last one has no end. #}
{% macro field_periods(field) %}
select ticket_id, value, updated as valid_from,
  lead(updated) over (partition by ticket_id order by updated) as valid_until,
  lag(value) over (partition by ticket_id order by updated) as previous_value
from {{ ref('zendesk_source__ticket_field_history') }}
where field_name = '{{ field }}'
{% endmacro %}

{# Whole minutes from one timestamp to another, rounded down. #}
{% macro minutes_between(first, last) %}{{ return(adapter.dispatch('minutes_between', 'zendesk_export')(first, last)) }}{% endmacro %}
{% macro default__minutes_between(first, last) %}{{ return('cast(floor((' ~ dbt.datediff(first, last, 'second') ~ ') / 60.0) as ' ~ dbt.type_bigint() ~ ')') }}{% endmacro %}
{% macro postgres__minutes_between(first, last) %}{{ return('cast(floor(extract(epoch from (' ~ last ~ ' - ' ~ first ~ ')) / 60) as bigint)') }}{% endmacro %}

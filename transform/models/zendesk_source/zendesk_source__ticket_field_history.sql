{{ config(
  materialized='incremental',
  incremental_strategy='delete+insert',
  unique_key=['ticket_id', 'field_name', 'updated'],
  on_schema_change='append_new_columns',
  indexes=[{'columns': ['ticket_id', 'field_name', 'updated']}] if target.type == 'postgres' else []
) }}
{#-
  Child events name what they changed by a key of their own; nobody has the whole list of those.

  dbt_zendesk reads targets of service level policies here too. Metric events have them, with the
  policy's title; where that stream is missing, what the events say of them is taken.
-#}
{% set targets = "('first_reply_time', 'next_reply_time', 'agent_work_time', 'requester_wait_time', 'sla_policy')" %}
{% set has_metric_events = zendesk_export.loaded('ticket_metric_events') %}
with events as (
  select * from {{ ref('zendesk_staging__ticket_events') }}
  {% if is_incremental() %}
  where created_at >= {{ oldest_new('ticket_events', 'created_at', 'field_name not in ' ~ targets) }}
  {% endif %}
), children as (
  select events.id, events.ticket_id, events.created_at, events.updater_id, events.loaded_at,
    child.position, child.value as child
  from events
  {{ join_elements('child_events', 'child') }}
  where {{ json_text('child.value', ['event_type']) }} in ('Create', 'Change')
), changes as (
  select children.*, pair.name as field_name, pair.value
  from children
  {{ join_pairs('child', 'pair') }}
  where pair.name not in (
    'id', 'via', 'via_reference_id', 'event_type', 'type', 'previous_value', 'custom_ticket_fields',
    'added_tags', 'removed_tags', 'audit_id', 'author_id', 'created_at', 'comment_present',
    'comment_public', 'metadata'
  )
  {% if has_metric_events %}and pair.name not in {{ targets }}{% endif %}
  union all
  select children.*, pair.name as field_name, pair.value
  from children
  {{ join_pairs(json_value_at('child', 'custom_ticket_fields'), 'pair') }}
), policies as (
  select id, ticket_id, time, loaded_at,
    case
      when metric <> 'reply_time' then metric
      when instance_id = 1 then 'first_reply_time'
      else 'next_reply_time'
    end as metric,
    {{ json_text('sla', ['target']) }} as target,
    {{ json_text('sla', ['business_hours']) }} as business_hours,
    {{ json_text('sla', ['policy', 'title']) }} as title
  from {{ ref('zendesk_staging__ticket_metric_events') }}
  where type = 'apply_sla' and metric in ('reply_time', 'agent_work_time', 'requester_wait_time')
  {% if is_incremental() %}
  and time >= {{ oldest_new('ticket_metric_events', 'time', 'field_name in ' ~ targets) }}
  {% endif %}
), entries as (
  select id, position, ticket_id, field_name, created_at as updated, updater_id as user_id, value,
    loaded_at
  from changes
  union all
  select id, 0 as position, ticket_id, metric as field_name, time as updated, null as user_id,
    '{"minutes": ' || target || ', "in_business_hours": ' || coalesce(business_hours, 'false') || '}' as value,
    loaded_at
  from policies
  union all
  select id, 0 as position, ticket_id, 'sla_policy' as field_name, time as updated, null as user_id,
    title as value, loaded_at
  from policies
), numbered as (
  -- An event can change a field twice, by a trigger: the last value counts.
  select *, row_number() over (
    partition by ticket_id, field_name, updated order by id desc, position desc
  ) as entry_number
  from entries
)
select
{{ shape({
  '_fivetran_synced': 'loaded_at', 'field_name': 'field_name', 'ticket_id': 'ticket_id',
  'updated': 'updated', 'user_id': 'user_id', 'value': 'value'
}) }}
from numbered
where entry_number = 1

with recursive bounds as (
  select cast(min(updated) as date) as first_day, cast(max(updated) as date) as last_day
  from {{ ref('zendesk_source__ticket_field_history') }}
), days as (
  select first_day as day from bounds where first_day is not null
  union all
  select cast({{ dbt.dateadd('day', 1, 'days.day') }} as date) from days, bounds
  where days.day < bounds.last_day
), ends as (
  select day, cast({{ dbt.dateadd('day', 1, 'day') }} as {{ dbt.type_timestamp() }}) as ends_at
  from days
), deleted as (
  -- No event records a deletion, but it was the last change of the ticket itself.
  select id, updated_at from {{ ref('zendesk_staging__tickets') }} where is_deleted
), statuses as (
  {{ field_periods('status') }}
), group_periods as (
  {{ field_periods('group_id') }}
)
select ends.day, coalesce(groups.name, 'No group') as group_name, count(*) as open_tickets
from ends
inner join statuses
  on statuses.valid_from < ends.ends_at
  and (statuses.valid_until is null or statuses.valid_until >= ends.ends_at)
  and statuses.value in ('new', 'open', 'pending', 'hold')
left join group_periods
  on group_periods.ticket_id = statuses.ticket_id
  and group_periods.valid_from < ends.ends_at
  and (group_periods.valid_until is null or group_periods.valid_until >= ends.ends_at)
left join {{ ref('zendesk_staging__groups') }} as groups
  on cast(groups.id as {{ dbt.type_string() }}) = group_periods.value
left join deleted on deleted.id = statuses.ticket_id and deleted.updated_at < ends.ends_at
where deleted.id is null
group by 1, 2

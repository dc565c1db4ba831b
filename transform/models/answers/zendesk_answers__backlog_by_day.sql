with statuses as (
  {{ field_periods('status') }}
), changes as (
  select cast(valid_from as date) as day,
    sum(case when previous_value is null then 1 else 0 end) as created_tickets,
    sum(case when value = 'solved' then 1 else 0 end) as solved_tickets,
    sum(case when previous_value in ('solved', 'closed') and value in ('new', 'open', 'pending', 'hold')
      then 1 else 0 end) as reopened_tickets
  from statuses
  group by 1
), backlog as (
  select day, sum(open_tickets) as open_tickets
  from {{ ref('zendesk_answers__open_tickets_by_group_and_day') }}
  group by 1
)
select coalesce(changes.day, backlog.day) as day,
  cast(coalesce(created_tickets, 0) as {{ dbt.type_bigint() }}) as created_tickets,
  cast(coalesce(solved_tickets, 0) as {{ dbt.type_bigint() }}) as solved_tickets,
  cast(coalesce(reopened_tickets, 0) as {{ dbt.type_bigint() }}) as reopened_tickets,
  cast(coalesce(open_tickets, 0) as {{ dbt.type_bigint() }}) as open_tickets
from changes
full outer join backlog on backlog.day = changes.day

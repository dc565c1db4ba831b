with events as (
  select * from {{ ref('zendesk_staging__ticket_metric_events') }} where not is_deleted
), applied as (
  select ticket_id, metric, instance_id,
    min(time) as applied_at,
    max({{ json_text('sla', ['policy', 'title']) }}) as policy_name
  from events
  where type = 'apply_sla'
  group by 1, 2, 3
), breaches as (
  select ticket_id, metric, instance_id, min(time) as breached_at
  from events
  where type = 'breach'
  group by 1, 2, 3
)
select applied.ticket_id, applied.metric, applied.instance_id, applied.policy_name,
  groups.name as group_name, tickets.priority, applied.applied_at, breaches.breached_at,
  breaches.breached_at is not null as is_breached
from applied
left join breaches
  on breaches.ticket_id = applied.ticket_id and breaches.metric = applied.metric
  and breaches.instance_id = applied.instance_id
left join {{ ref('zendesk_staging__tickets') }} as tickets on tickets.id = applied.ticket_id
left join {{ ref('zendesk_staging__groups') }} as groups on groups.id = tickets.group_id

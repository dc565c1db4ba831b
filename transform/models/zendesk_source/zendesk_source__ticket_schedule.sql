{#- Empty: among the events that Zendesk documents none tells which schedule a trigger has set. -#}
select
{{ shape({}) }}
from (select 1 as nothing) as nothing
where false

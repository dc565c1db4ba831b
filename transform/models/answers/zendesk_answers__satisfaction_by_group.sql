with rated as (
  select group_id, {{ json_text('satisfaction_rating', ['score']) }} as score
  from {{ ref('zendesk_staging__tickets') }}
  where not is_deleted
)
select coalesce(groups.name, 'No group') as group_name,
  cast(sum(case when score like 'good%' then 1 else 0 end) as {{ dbt.type_bigint() }}) as good_ratings,
  cast(sum(case when score like 'bad%' then 1 else 0 end) as {{ dbt.type_bigint() }}) as bad_ratings
from rated
left join {{ ref('zendesk_staging__groups') }} as groups on groups.id = rated.group_id
group by 1

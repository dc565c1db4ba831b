{# The warehouse's name for a type in a model's YAML; dbt translates all but `json`. #}
{% macro type_of(name) %}{{ return(zendesk_export.type_json() if name == 'json' else name) }}{% endmacro %}

{# Where a stream was loaded; None if it was not. #}
{% macro loaded(stream) %}
  {% if execute %}{{ return(load_relation(source('zendesk_raw', stream))) }}{% endif %}
{% endmacro %}

{# The quoted columns of a loader's table, by their names in lower case; none without a table. #}
{% macro columns_of(relation) %}
  {% set found = {} %}
  {% if relation %}
    {% for column in adapter.get_columns_in_relation(relation) %}
      {% do found.update({column.name | lower: adapter.quote(column.name)}) %}
    {% endfor %}
  {% endif %}
  {{ return(found) }}
{% endmacro %}

{# The column with the time at which the loader wrote a row, or NULL; `found` as in columns_of. #}
{% macro loaded_at(found) %}
  {% set times = ['_sdc_received_at', '_sdc_batched_at', '_sdc_extracted_at'] | select('in', found) | list %}
  {{ return(found[times[0]] if times else 'null') }}
{% endmacro %}

{#
  The time from which an incremental model of changes has to read: that of its last change, or an
  earlier one if older records were loaded since, such as those of an earlier slice.

    stream     table of the loader
    time       its column with the time of a record
    condition  which rows of the model come from this stream
#}
{% macro oldest_new(stream, time, condition) %}
  {% set relation = zendesk_export.loaded(stream) %}
  {% set found = zendesk_export.columns_of(relation) %}
  {% set newest %}(select coalesce(max(updated), cast('1970-01-01' as {{ dbt.type_timestamp() }})) from {{ this }} where {{ condition }}){% endset %}
  {% if zendesk_export.loaded_at(found) == 'null' %}{{ return(newest) }}{% endif %}
  {% set older %}(
    select min(cast({{ found[time] }} as {{ dbt.type_timestamp() }})) from {{ relation }}
    where cast({{ zendesk_export.loaded_at(found) }} as {{ dbt.type_timestamp() }})
      > (select max(_fivetran_synced) from {{ this }} where {{ condition }})
  ){% endset %}
  {{ return('least(' ~ newest ~ ', coalesce(' ~ older ~ ', ' ~ newest ~ '))') }}
{% endmacro %}

{#
  The newest version of each record of a stream, with the columns that the model describes.

  A column that was not loaded gives NULLs. A stream that was not loaded gives no rows, and one line
  in the log.

    stream      table of the loader
    key         columns that identify a record; a filter on them is cheap
    newest_by   column whose highest value marks the newest version
    deleted     condition for records that are deleted in Zendesk
#}
{% macro stage(stream, key=['id'], newest_by=none, deleted='false') %}
  {% set relation = zendesk_export.loaded(stream) %}
  {% set found = zendesk_export.columns_of(relation) %}
  {% if execute and not relation %}
    {% do log('zendesk_export: the stream ' ~ stream ~ ' was not loaded; ' ~ model.name ~ ' is empty.', info=true) %}
  {% endif %}
  {% set loaded_at = zendesk_export.loaded_at(found) %}
  {% set order = [found[newest_by] ~ ' desc'] if newest_by in found else [] %}
  {% set order = order + ([loaded_at ~ ' desc'] if loaded_at != 'null' else []) %}
select
  {% for name, column in model.columns.items() if name not in ('is_deleted', 'loaded_at') %}
  {% if name in found and column.data_type == 'json' %}
  {{ zendesk_export.as_json(found[name]) }} as {{ name }},
  {% else %}
  cast({{ found.get(name, 'null') }} as {{ zendesk_export.type_of(column.data_type) }}) as {{ name }},
  {% endif %}
  {% endfor %}
  {% if relation %}
  ({{ deleted }}) {% if '_sdc_deleted_at' in found %}or {{ found['_sdc_deleted_at'] }} is not null{% endif %} as is_deleted,
  {% else %}
  false as is_deleted,
  {% endif %}
  cast({{ loaded_at }} as {{ dbt.type_timestamp() }}) as loaded_at
  {% if relation %}
from (
  select *, row_number() over (partition by {{ key | join(', ') }} order by {{ order | join(', ') or key[0] }}) as version_number
  from {{ relation }}
) as versions
where version_number = 1
  {% else %}
from (select 1 as nothing) as nothing
where false
  {% endif %}
{% endmacro %}

{#
  Gives a table the columns that the model describes, with their types.

    columns   expression of each column by name; a column without one is NULL
#}
{% macro shape(columns) %}
  {% for name, column in model.columns.items() %}
  cast({{ columns.get(name, 'null') }} as {{ zendesk_export.type_of(column.data_type) }}) as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
  {% endfor %}
{% endmacro %}

{# Columns that go from staging to a source unchanged. #}
{% macro same(names) %}
  {% set columns = {'_fivetran_synced': 'loaded_at', '_fivetran_deleted': 'is_deleted'} %}
  {% for name in names %}{% do columns.update({name: name}) %}{% endfor %}
  {{ return(columns) }}
{% endmacro %}

{#
  The account's own ticket fields: the id of each and a column name, which is its title made unique
  and short enough. None before staging is built.
#}
{% macro account_ticket_fields() %}
  {% set fields = [] %}
  {% set relation = load_relation(ref('zendesk_staging__ticket_fields')) if execute else none %}
  {% if relation %}
    {% set taken = ['ticket_id'] %}
    {% set query %}
      select id, title from {{ relation }}
      where type not in (
        'subject', 'description', 'status', 'tickettype', 'priority', 'basic_priority', 'group',
        'assignee', 'custom_status'
      )
      order by position, id
    {% endset %}
    {% for field in run_query(query) %}
      {% set id, title = field[0] | int, (field[1] or 'field') | replace('"', "'") | trim %}
      {# PostgreSQL cuts names after 63 bytes. #}
      {% set name = title.encode()[:63].decode('utf-8', 'ignore') %}
      {% if name | lower in taken %}
        {% set ending = ' (' ~ id ~ ')' %}
        {% set name = title.encode()[:63 - ending | length].decode('utf-8', 'ignore') ~ ending %}
      {% endif %}
      {% do taken.append(name | lower) %}
      {% do fields.append({'id': id, 'name': name}) %}
    {% endfor %}
  {% endif %}
  {{ return(fields) }}
{% endmacro %}

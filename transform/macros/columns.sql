{# The warehouse's name of a type that the models' descriptions use. #}
{% macro type_of(name) %}
  {% set types = {
    'bigint': dbt.type_bigint(), 'text': dbt.type_string(), 'boolean': dbt.type_boolean(),
    'timestamp': dbt.type_timestamp(), 'float': dbt.type_float(), 'date': 'date',
    'json': zendesk_export.type_json()
  } %}
  {{ return(types[name]) }}
{% endmacro %}

{# Where a stream was loaded; None if it was not. #}
{% macro loaded(stream) %}
  {% if execute %}{{ return(load_relation(source('zendesk_raw', stream))) }}{% endif %}
{% endmacro %}

{#
  The newest version of each record of a stream, with the columns that the model describes.

  What was not loaded, a column or the whole stream, gives NULLs or no rows; a stream that is
  missing is said in one line.

    stream      table of the loader
    key         columns that name a record; every filter on them is cheap
    newest_by   which version is the newest: the one with the highest value
    deleted     condition under which Zendesk has deleted the record
#}
{% macro stage(stream, key=['id'], newest_by=none, deleted='false') %}
  {% set relation = zendesk_export.loaded(stream) %}
  {% set found = {} %}
  {% if relation %}
    {% for column in adapter.get_columns_in_relation(relation) %}
      {% do found.update({column.name | lower: adapter.quote(column.name)}) %}
    {% endfor %}
  {% elif execute %}
    {% do log('zendesk_export: the stream ' ~ stream ~ ' was not loaded; ' ~ model.name ~ ' is empty.', info=true) %}
  {% endif %}
  {% set times = ['_sdc_received_at', '_sdc_batched_at', '_sdc_extracted_at'] | select('in', found) | list %}
  {% set loaded_at = found[times[0]] if times else 'null' %}
  {% set order = [found[newest_by] ~ ' desc'] if newest_by in found else [] %}
  {% set order = order + ([loaded_at ~ ' desc'] if times else []) %}
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
  Gives a table the columns that the model describes, in their types.

    columns   expression of each column by name; a column without one is NULL
#}
{% macro shape(columns) %}
  {% for name, column in model.columns.items() %}
  cast({{ columns.get(name, 'null') }} as {{ zendesk_export.type_of(column.data_type) }}) as {{ adapter.quote(name) }}{{ ',' if not loop.last }}
  {% endfor %}
{% endmacro %}

{# Columns that go from staging to a source as they are. #}
{% macro same(names) %}
  {% set columns = {'_fivetran_synced': 'loaded_at', '_fivetran_deleted': 'is_deleted'} %}
  {% for name in names %}{% do columns.update({name: name}) %}{% endfor %}
  {{ return(columns) }}
{% endmacro %}

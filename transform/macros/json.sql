{# JSON functions of each warehouse. DuckDB and PostgreSQL are tested; the other two are not. #}

{% macro type_json() %}{{ return(adapter.dispatch('type_json', 'zendesk_export')()) }}{% endmacro %}
{% macro default__type_json() %}{{ return('json') }}{% endmacro %}
{% macro postgres__type_json() %}{{ return('jsonb') }}{% endmacro %}
{% macro snowflake__type_json() %}{{ return('variant') }}{% endmacro %}

{# A loader's column as JSON. On PostgreSQL, the loader makes arrays of some. #}
{% macro as_json(column) %}{{ return(adapter.dispatch('as_json', 'zendesk_export')(column)) }}{% endmacro %}
{% macro default__as_json(column) %}{{ return('cast(' ~ column ~ ' as ' ~ zendesk_export.type_json() ~ ')') }}{% endmacro %}
{% macro postgres__as_json(column) %}{{ return('to_jsonb(' ~ column ~ ')') }}{% endmacro %}

{# The text at a path of a JSON value; NULL for null and for what is not there. #}
{% macro json_text(json, path) %}{{ return(adapter.dispatch('json_text', 'zendesk_export')(json, path)) }}{% endmacro %}
{% macro default__json_text(json, path) %}{{ return("json_extract_string(" ~ json ~ ", '$." ~ path | join('.') ~ "')") }}{% endmacro %}
{% macro postgres__json_text(json, path) %}{{ return("(" ~ json ~ " #>> '{" ~ path | join(',') ~ "}')") }}{% endmacro %}
{% macro snowflake__json_text(json, path) %}{{ return("cast(get_path(" ~ json ~ ", '" ~ path | join('.') ~ "') as varchar)") }}{% endmacro %}
{% macro bigquery__json_text(json, path) %}{{ return("coalesce(json_value(" ~ json ~ ", '$." ~ path | join('.') ~ "'), to_json_string(json_query(" ~ json ~ ", '$." ~ path | join('.') ~ "')))") }}{% endmacro %}

{# The JSON value at a key. #}
{% macro json_value_at(json, key) %}{{ return(adapter.dispatch('json_value_at', 'zendesk_export')(json, key)) }}{% endmacro %}
{% macro default__json_value_at(json, key) %}{{ return("json_extract(" ~ json ~ ", '$." ~ key ~ "')") }}{% endmacro %}
{% macro postgres__json_value_at(json, key) %}{{ return("(" ~ json ~ " -> '" ~ key ~ "')") }}{% endmacro %}
{% macro snowflake__json_value_at(json, key) %}{{ return("get(" ~ json ~ ", '" ~ key ~ "')") }}{% endmacro %}
{% macro bigquery__json_value_at(json, key) %}{{ return("json_query(" ~ json ~ ", '$." ~ key ~ "')") }}{% endmacro %}

{# A whole JSON value as text; a string without its quotation marks. #}
{% macro json_as_text(json) %}{{ return(adapter.dispatch('json_as_text', 'zendesk_export')(json)) }}{% endmacro %}
{% macro default__json_as_text(json) %}{{ return("json_extract_string(" ~ json ~ ", '$')") }}{% endmacro %}
{% macro postgres__json_as_text(json) %}{{ return("(" ~ json ~ " #>> '{}')") }}{% endmacro %}
{% macro snowflake__json_as_text(json) %}{{ return("cast(" ~ json ~ " as varchar)") }}{% endmacro %}
{% macro bigquery__json_as_text(json) %}{{ return("coalesce(json_value(" ~ json ~ "), to_json_string(" ~ json ~ "))") }}{% endmacro %}

{# Joins a row for each element of a JSON array: alias.value and alias.position, from 1. #}
{% macro join_elements(json, alias) %}{{ return(adapter.dispatch('join_elements', 'zendesk_export')(json, alias)) }}{% endmacro %}
{% macro default__join_elements(json, alias) %}
{{ return("cross join lateral (select unnest(from_json(" ~ json ~ ", '[\"json\"]')) as value, generate_subscripts(from_json(" ~ json ~ ", '[\"json\"]'), 1) as position) as " ~ alias) }}
{% endmacro %}
{% macro postgres__join_elements(json, alias) %}
{{ return("cross join lateral jsonb_array_elements(case when jsonb_typeof(" ~ json ~ ") = 'array' then " ~ json ~ " end) with ordinality as " ~ alias ~ "(value, position)") }}
{% endmacro %}
{% macro snowflake__join_elements(json, alias) %}
{{ return("cross join lateral (select value, index + 1 as position from table(flatten(input => " ~ json ~ "))) as " ~ alias) }}
{% endmacro %}
{% macro bigquery__join_elements(json, alias) %}
{{ return("cross join unnest(array(select as struct value, position + 1 as position from unnest(json_query_array(" ~ json ~ ")) as value with offset as position)) as " ~ alias) }}
{% endmacro %}

{# Joins a row for each key of a JSON object: alias.name, and its value as text, alias.value. #}
{% macro join_pairs(json, alias) %}{{ return(adapter.dispatch('join_pairs', 'zendesk_export')(json, alias)) }}{% endmacro %}
{% macro default__join_pairs(json, alias) %}
{{ return("cross join lateral (select k.name, json_extract_string(" ~ json ~ ", '$.\"' || k.name || '\"') as value from (select unnest(json_keys(" ~ json ~ ")) as name) as k) as " ~ alias) }}
{% endmacro %}
{% macro postgres__join_pairs(json, alias) %}
{{ return("cross join lateral jsonb_each_text(case when jsonb_typeof(" ~ json ~ ") = 'object' then " ~ json ~ " end) as " ~ alias ~ "(name, value)") }}
{% endmacro %}
{% macro snowflake__join_pairs(json, alias) %}
{{ return("cross join lateral (select key as name, cast(value as varchar) as value from table(flatten(input => " ~ json ~ "))) as " ~ alias) }}
{% endmacro %}
{% macro bigquery__join_pairs(json, alias) %}
{{ return("cross join unnest(array(select as struct name, coalesce(json_value(" ~ json ~ "[name]), to_json_string(" ~ json ~ "[name])) as value from unnest(json_keys(" ~ json ~ ", 1)) as name)) as " ~ alias) }}
{% endmacro %}

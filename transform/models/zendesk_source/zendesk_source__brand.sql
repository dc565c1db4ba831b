{% set columns = same(['id', 'active', 'brand_url', 'has_help_center', 'help_center_state', 'name', 'subdomain', 'url']) %}
{% for name in ['content_type', 'content_url', 'deleted', 'file_name', 'height', 'id', 'inline', 'mapped_content_url', 'size', 'url', 'width'] %}
  {% do columns.update({'logo_' ~ name: json_text('logo', [name])}) %}
{% endfor %}
select
{{ shape(columns) }}
from {{ ref('zendesk_staging__brands') }}

"""Streams of Zendesk Guide: the help center and its community."""

from __future__ import annotations

from tap_zendesk_incremental.child_stream import ListedChildStream
from tap_zendesk_incremental.export_stream import ExportStream
from tap_zendesk_incremental.http.endpoint import cursor_list, time_export


class Articles(ExportStream):
    """Articles of the help center."""

    name = "articles"
    replication_key = "updated_at"
    time = time_export("/api/v2/help_center/incremental/articles.json")


class HelpCenterCategories(ExportStream):
    """Categories of the help center."""

    name = "help_center_categories"
    records_key = "categories"
    listing = cursor_list("/api/v2/help_center/categories.json")
    selected_by_default = False


class HelpCenterSections(ExportStream):
    """Sections of the help center; articles refer to them by `section_id`."""

    name = "help_center_sections"
    records_key = "sections"
    listing = cursor_list("/api/v2/help_center/sections.json")
    selected_by_default = False


class CommunityTopics(ExportStream):
    """Topics of the community."""

    name = "community_topics"
    records_key = "topics"
    listing = cursor_list("/api/v2/community/topics.json")
    selected_by_default = False


class CommunityPosts(ExportStream):
    """Posts of the community."""

    name = "community_posts"
    records_key = "posts"
    listing = cursor_list("/api/v2/community/posts.json")
    selected_by_default = False


class CommunityPostComments(ListedChildStream):
    """Comments on the community's posts: at least one request per post."""

    name = "community_post_comments"
    parent_stream_type = CommunityPosts
    listing = cursor_list("/api/v2/community/posts/{id}/comments.json")
    list_key = "comments"
    parent_key = "post_id"


class CommunityPostVotes(ListedChildStream):
    """Votes on the community's posts: at least one request per post."""

    name = "community_post_votes"
    parent_stream_type = CommunityPosts
    listing = cursor_list("/api/v2/community/posts/{id}/votes.json")
    list_key = "votes"
    parent_key = "item_id"

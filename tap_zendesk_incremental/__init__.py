"""A Singer tap for Zendesk's incremental export API."""

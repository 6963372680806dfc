"""A mail about a report, a comparison or a site: what it says, the message itself, and how it is sent."""

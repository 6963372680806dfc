"""What mails and trackers say about a report, a comparison or a site: headline figures, tables and pictures as plain data."""

"""To the team's inbox, nowhere else: what the email says, and how it gets there safely."""

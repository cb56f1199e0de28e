"""What a job of GitHub Actions learns from deployctl, beside what it prints."""

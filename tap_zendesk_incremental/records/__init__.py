"""From the body of a page to lines of standard output."""

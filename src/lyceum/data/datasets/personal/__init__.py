"""Personal data: which columns hold it, who reads it unmasked, and the erasing of people from every version."""

"""Pictures, sounds and other files from lists of web addresses: politely, safely, and so that it can go on."""

"""Pages of the centre, and the door in front of pages and API: who may see what, by one table of rights."""

// Of node's own, what is used here.
declare const process: { argv: string[] };

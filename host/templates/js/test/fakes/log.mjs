export const lines = [];
export const write = (level, message) => lines.push(`${level} ${message}`);

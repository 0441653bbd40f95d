export let config = { greeting: "hi" };
export const get = () => JSON.stringify(config);

/** What workerd gives to tests alone, under the compatibility flag `unsafe_module`. */
declare module "workerd:unsafe" {
  const unsafe: {
    /** Waits until the actor is idle and drops it from memory. Rejects if it is not there, or does not come to rest. */
    evict(stub: DurableObjectStub, options: { readonly webSockets: "hibernate" }): Promise<void>;
  };
  export default unsafe;
}

/** Version of the testkit. */
export const testkitVersion = '0.1.0'

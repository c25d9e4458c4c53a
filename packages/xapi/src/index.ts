/** Version of the xapi. */
export const xapiVersion = '0.1.0'

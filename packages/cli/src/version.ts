/** Version of the product; one for all packages. */
export const nixenVersion = '0.1.0'

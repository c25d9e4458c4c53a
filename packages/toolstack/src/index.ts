/** Version of the toolstack. */
export const toolstackVersion = '0.1.0'

console.log('nixen')

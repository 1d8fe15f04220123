// Starts Swagger UI. A file of its own: the page's policy allows no script inside the page.
SwaggerUIBundle({
  dom_id: "#reference",
  url: new URL("openapi.json", document.baseURI).href,
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false, // the token stays in this tab's memory
  tryItOutEnabled: true,
  validatorUrl: null, // the default asks a public host to judge the document
});

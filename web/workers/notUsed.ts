// Stands in for the parts of TensorFlow.js that the page does not use: Keras' layers, data sets, converted models. Its
// umbrella package brings them all, and names their versions.
export const version_layers = "";
export const version_converter = "";
export const version_data = "";

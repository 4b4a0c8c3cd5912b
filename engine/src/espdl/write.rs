//! [`File`] to bytes. The same file gives the same bytes.

use flatbuffers::{FlatBufferBuilder, ForwardsUOffset, Vector, WIPOffset};

use super::generated::espdl as fb;
use super::{Attribute, ElementType, File, Node, Tensor, Value};

const MAGIC: &[u8; 4] = b"EDL2";
const HEADER_BYTES: usize = 16;
const RAW_ALIGNMENT: usize = 16;

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The header holds the payload's length in 32 bits.
    #[error("the model needs {0} bytes, and an .espdl file holds at most 4 GiB")]
    TooLarge(usize),
}

/// Serialises a file, header included.
pub fn write(file: &File) -> Result<Vec<u8>, WriteError> {
    let raw_bytes: usize = file.initializers.iter().map(|t| t.raw.len() + RAW_ALIGNMENT).sum();
    // FlatBuffers addresses with 31 bits and panics beyond; metadata is small next to the weights.
    if raw_bytes > i32::MAX as usize - (64 << 20) {
        return Err(WriteError::TooLarge(raw_bytes));
    }
    let mut fbb = FlatBufferBuilder::with_capacity(raw_bytes + (64 << 10));
    let graph = graph(&mut fbb, file);
    let metadata: Vec<_> = file
        .metadata
        .iter()
        .map(|(key, value)| {
            let (key, value) = (fbb.create_string(key), fbb.create_string(value));
            fb::StringStringEntry::create(
                &mut fbb,
                &fb::StringStringEntryArgs { key: Some(key), value: Some(value) },
            )
        })
        .collect();
    let metadata = (!metadata.is_empty()).then(|| fbb.create_vector(&metadata));
    let opset_import = fbb.create_vector::<ForwardsUOffset<fb::OperatorSetId<'_>>>(&[]);
    let producer_name = fbb.create_string("octet");
    let producer_version = fbb.create_string(env!("CARGO_PKG_VERSION"));
    let model = fb::Model::create(
        &mut fbb,
        &fb::ModelArgs {
            ir_version: file.ir_version,
            opset_import: Some(opset_import),
            producer_name: Some(producer_name),
            producer_version: Some(producer_version),
            graph: Some(graph),
            metadata_props: metadata,
            ..Default::default()
        },
    );
    fbb.finish(model, None);
    let payload = fbb.finished_data();
    let length = u32::try_from(payload.len()).map_err(|_| WriteError::TooLarge(payload.len()))?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&0u32.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes.extend_from_slice(payload);
    Ok(bytes)
}

type Offsets<'b, T> = WIPOffset<Vector<'b, ForwardsUOffset<T>>>;

fn graph<'b>(fbb: &mut FlatBufferBuilder<'b>, file: &File) -> WIPOffset<fb::Graph<'b>> {
    let nodes: Vec<_> = file.nodes.iter().map(|n| node(fbb, n)).collect();
    let nodes = fbb.create_vector(&nodes);
    let initializer = tensors(fbb, &file.initializers);
    let (input, output) = (values(fbb, &file.inputs), values(fbb, &file.outputs));
    let value_info = values(fbb, &file.values);
    let test_inputs_value = (!file.test_inputs.is_empty()).then(|| tensors(fbb, &file.test_inputs));
    let test_outputs_value = (!file.test_outputs.is_empty()).then(|| tensors(fbb, &file.test_outputs));
    let name = fbb.create_string(&file.name);
    fb::Graph::create(
        fbb,
        &fb::GraphArgs {
            node: Some(nodes),
            name: Some(name),
            initializer: Some(initializer),
            input: Some(input),
            output: Some(output),
            value_info: Some(value_info),
            test_inputs_value,
            test_outputs_value,
            ..Default::default()
        },
    )
}

fn node<'b>(fbb: &mut FlatBufferBuilder<'b>, node: &Node) -> WIPOffset<fb::Node<'b>> {
    let attributes: Vec<_> =
        node.attributes.iter().map(|(name, value)| attribute(fbb, name, value)).collect();
    let attribute = fbb.create_vector(&attributes);
    let (input, output) = (strings(fbb, &node.inputs), strings(fbb, &node.outputs));
    let (name, op_type) = (fbb.create_string(&node.name), fbb.create_shared_string(node.op_type));
    fb::Node::create(
        fbb,
        &fb::NodeArgs {
            input: Some(input),
            output: Some(output),
            name: Some(name),
            op_type: Some(op_type),
            attribute: Some(attribute),
            ..Default::default()
        },
    )
}

fn strings<'b>(fbb: &mut FlatBufferBuilder<'b>, texts: &[String]) -> Offsets<'b, &'b str> {
    let texts: Vec<_> = texts.iter().map(|t| fbb.create_shared_string(t)).collect();
    fbb.create_vector(&texts)
}

fn attribute<'b>(
    fbb: &mut FlatBufferBuilder<'b>,
    name: &str,
    value: &Attribute,
) -> WIPOffset<fb::Attribute<'b>> {
    let name = fbb.create_shared_string(name);
    let (float, int);
    let mut args = fb::AttributeArgs { name: Some(name), ..Default::default() };
    match value {
        Attribute::Int(i) => {
            int = fb::AttributeI::new(*i);
            args.attr_type = fb::AttributeType::INT;
            args.i = Some(&int);
        }
        Attribute::Float(f) => {
            float = fb::AttributeF::new(*f);
            args.attr_type = fb::AttributeType::FLOAT;
            args.f = Some(&float);
        }
        Attribute::Ints(ints) => {
            args.attr_type = fb::AttributeType::INTS;
            args.ints = Some(fbb.create_vector(ints));
        }
        Attribute::Text(text) => {
            args.attr_type = fb::AttributeType::STRING;
            args.s = Some(fbb.create_vector(text.as_bytes()));
        }
    }
    fb::Attribute::create(fbb, &args)
}

fn element_type(element_type: ElementType) -> fb::TensorDataType {
    match element_type {
        ElementType::F32 => fb::TensorDataType::FLOAT,
        ElementType::I8 => fb::TensorDataType::INT8,
        ElementType::I16 => fb::TensorDataType::INT16,
        ElementType::I32 => fb::TensorDataType::INT32,
        ElementType::I64 => fb::TensorDataType::INT64,
    }
}

fn tensors<'b>(fbb: &mut FlatBufferBuilder<'b>, list: &[Tensor]) -> Offsets<'b, fb::Tensor<'b>> {
    let offsets: Vec<_> = list.iter().map(|t| tensor(fbb, t)).collect();
    fbb.create_vector(&offsets)
}

fn tensor<'b>(fbb: &mut FlatBufferBuilder<'b>, tensor: &Tensor) -> WIPOffset<fb::Tensor<'b>> {
    let blocks: Vec<fb::AlignedBytes> = tensor
        .raw
        .chunks(RAW_ALIGNMENT)
        .map(|chunk| {
            let mut block = [0; RAW_ALIGNMENT];
            block[..chunk.len()].copy_from_slice(chunk);
            fb::AlignedBytes::new(&block)
        })
        .collect();
    let raw_data = fbb.create_vector(&blocks);
    let dims = fbb.create_vector(&tensor.dims);
    let exponents = fbb.create_vector(&tensor.exponents);
    let name = fbb.create_string(&tensor.name);
    let doc_string = (!tensor.doc_string.is_empty()).then(|| fbb.create_shared_string(&tensor.doc_string));
    fb::Tensor::create(
        fbb,
        &fb::TensorArgs {
            dims: Some(dims),
            data_type: element_type(tensor.element_type),
            name: Some(name),
            doc_string,
            raw_data: Some(raw_data),
            exponents: Some(exponents),
            ..Default::default()
        },
    )
}

fn values<'b>(fbb: &mut FlatBufferBuilder<'b>, list: &[Value]) -> Offsets<'b, fb::ValueInfo<'b>> {
    let offsets: Vec<_> = list.iter().map(|v| value(fbb, v)).collect();
    fbb.create_vector(&offsets)
}

fn value<'b>(fbb: &mut FlatBufferBuilder<'b>, value: &Value) -> WIPOffset<fb::ValueInfo<'b>> {
    let dims: Vec<_> = value
        .dims
        .iter()
        .map(|&dim_value| {
            let dim_type = fb::DimensionValueType::VALUE;
            let args = fb::DimensionValueArgs { dim_type, dim_value, ..Default::default() };
            let dimension = fb::DimensionValue::create(fbb, &args);
            let args = fb::DimensionArgs { value: Some(dimension), ..Default::default() };
            fb::Dimension::create(fbb, &args)
        })
        .collect();
    let dim = fbb.create_vector(&dims);
    let shape = fb::TensorShape::create(fbb, &fb::TensorShapeArgs { dim: Some(dim) });
    let args = fb::TensorTypeAndShapeArgs { elem_type: element_type(value.element_type), shape: Some(shape) };
    let tensor_type = fb::TensorTypeAndShape::create(fbb, &args);
    let args = fb::TypeInfoArgs {
        value_type: fb::TypeInfoValue::tensor_type,
        value: Some(tensor_type.as_union_value()),
        ..Default::default()
    };
    let value_info_type = fb::TypeInfo::create(fbb, &args);
    let exponents: Vec<i64> = value.exponent.into_iter().collect();
    let exponents = fbb.create_vector(&exponents);
    let name = fbb.create_string(&value.name);
    let args = fb::ValueInfoArgs {
        name: Some(name),
        value_info_type: Some(value_info_type),
        exponents: Some(exponents),
        ..Default::default()
    };
    fb::ValueInfo::create(fbb, &args)
}

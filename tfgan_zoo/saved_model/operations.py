"""Which of TensorFlow's operations only compute, and why some of the others are refused in a SavedModel; see `trust`."""

# In this order: arithmetic, arrays, networks, linear algebra, images, strings, random numbers, control flow and lists,
# variables and tables in memory.
COMPUTING = """
Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
BatchMatMul BatchMatMulV2 BatchMatMulV3 Betainc Bincount BitwiseAnd BitwiseOr BitwiseXor Bucketize Cast Ceil
ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum CumulativeLogsumexp DenseBincount Digamma Div
DivNoNan Equal Erf Erfc Erfinv EuclideanNorm Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual
HistogramFixedWidth Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma LinSpace Log
Log1p LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter
NotEqual Polygamma PopulationCount Pow Prod Range Real RealDiv Reciprocal RightShift Rint Round Rsqrt RsqrtGrad
SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Select SelectV2 Sigmoid SigmoidGrad Sign Sin Sinh
SparseMatMul Sqrt SqrtGrad Square SquaredDifference Sub Sum Tan Tanh TanhGrad TruncateDiv TruncateMod
UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Xdivy Xlog1py Xlogy Zeta

BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo CheckNumerics CheckNumericsV2
Concat ConcatOffset ConcatV2 ConjugateTranspose Const DepthToSpace Diag DiagPart Empty EnsureShape ExpandDims
ExtractImagePatches FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Gather
GatherNd GatherV2 Identity IdentityN InvertPermutation ListDiff LowerBound MatrixBandPart MatrixDiag MatrixDiagPart
MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MirrorPad
OneHot OnesLike Pack Pad PadV2 ParallelConcat ParallelDynamicStitch DynamicStitch DynamicPartition Placeholder
PlaceholderV2 PlaceholderWithDefault PreventGradient QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
QuantizeAndDequantizeV4 Rank Reshape Reverse ReverseSequence ReverseV2 Roll ScatterNd Shape ShapeN Size Slice Snapshot
SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice StridedSliceGrad
TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate Tile
Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack UnravelIndex UpperBound Where ZerosLike

AvgPool AvgPool3D AvgPool3DGrad AvgPoolGrad BiasAdd BiasAddGrad BiasAddV1 Conv Conv2D Conv2DBackpropFilter
Conv2DBackpropFilterV2 Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInputV2 DataFormatDimMap
DataFormatVecPermute DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput Dilation2D Elu EluGrad FusedBatchNorm
FusedBatchNormV2 FusedBatchNormV3 InTopKV2 L2Loss LRN LeakyRelu LeakyReluGrad LogSoftmax MaxPool MaxPool3D MaxPoolGrad
MaxPoolV2 MaxPoolWithArgmax NthElement Relu Relu6 ReluGrad Selu SeluGrad Softmax SoftmaxCrossEntropyWithLogits
Softplus SoftplusGrad Softsign SparseSoftmaxCrossEntropyWithLogits TopK TopKV2

BandedTriangularSolve Cholesky Einsum LogMatrixDeterminant Lu MatrixDeterminant MatrixExponential MatrixInverse
MatrixSolve MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Qr SelfAdjointEigV2 Svd TridiagonalSolve FFT FFT2D
FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D RFFT RFFT2D RFFT3D

AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize DecodeBmp DecodeImage DecodeJpeg DecodePng
DrawBoundingBoxesV2 EncodeJpeg EncodePng HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 RGBToHSV
ResizeArea ResizeBicubic ResizeBicubicGrad ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor
ResizeNearestNeighborGrad ScaleAndTranslate ScaleAndTranslateGrad

AsString DecodeBase64 DecodeRaw EncodeBase64 ReduceJoin RegexFullMatch RegexReplace StaticRegexFullMatch
StaticRegexReplace StringFormat StringJoin StringLength StringLower StringSplitV2 StringStrip StringToHashBucketFast
StringToNumber StringUpper Substr UnicodeTranscode

Multinomial RandomGamma RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt TruncatedNormal
RngReadAndSkip RngSkip StatefulRandomBinomial StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
StatefulUniformFullInt StatefulUniformInt StatelessMultinomial StatelessParameterizedTruncatedNormal
StatelessRandomBinomial StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg
StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
StatelessRandomPoisson StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle
StatelessTruncatedNormal StatelessTruncatedNormalV2

Assert Case ControlTrigger Enter Exit FakeParam For If LoopCond Merge NextIteration NoOp PartitionedCall
StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch ToBool While EmptyTensorList
TensorListConcatLists TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch TensorListReserve
TensorListResize TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit
TensorListStack TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3
TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3

AssignAddVariableOp AssignSubVariableOp AssignVariableOp DisableCopyOnRead ReadVariableOp ResourceGather
ResourceGatherNd ResourceScatterAdd ResourceScatterUpdate VarHandleOp VarIsInitializedOp VariableShape HashTableV2
LookupTableExportV2 LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2 LookupTableSizeV2 MutableHashTableV2
"""
FILES = """
ReadFile WriteFile MatchingFiles ImmutableConst Save SaveSlices SaveV2 Restore RestoreSlice RestoreV2 ShardedFilename
ShardedFilespec MergeV2Checkpoints PrintV2 InitializeTableFromTextFile InitializeTableFromTextFileV2 TextLineDataset
TFRecordDataset TFRecordDatasetV2 FixedLengthRecordDataset FixedLengthRecordDatasetV2 SaveDataset SaveDatasetV2
LoadDataset SnapshotDataset SnapshotDatasetV2 CacheDataset CacheDatasetV2 RecordInput WholeFileReader
WholeFileReaderV2 TextLineReader TextLineReaderV2 TFRecordReader TFRecordReaderV2 FixedLengthRecordReader
FixedLengthRecordReaderV2 SqlDataset LMDBReader LMDBDataset CreateSummaryFileWriter WriteSummary
"""
PYTHON = """
PyFunc PyFuncStateless EagerPyFunc
"""
PROCESSES = """
RemoteCall RpcServer RpcServerRegister RpcServerStart RpcClient RpcCall DebugIdentity DebugIdentityV2 DebugIdentityV3
DebugNanCount DebugNumericSummary CreateSummaryDbWriter DataServiceDataset DataServiceDatasetV4 RegisterDataset
RegisterDatasetV2 _Send _Recv _HostSend _HostRecv DistributedSave
"""

HARMLESS = frozenset(COMPUTING.split())
# Only to say why in the message; what is on neither list is refused as well.
HARMFUL = {
    "reads or writes files": frozenset(FILES.split()),
    "runs Python": frozenset(PYTHON.split()),
    "reaches the network or other processes": frozenset(PROCESSES.split()),
    "ends the process": frozenset({"Abort"}),
}
